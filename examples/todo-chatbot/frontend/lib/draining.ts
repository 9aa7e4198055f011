import { subscribe } from "node:diagnostics_channel";
import type { Server, ServerResponse } from "node:http";

type Request = { response: ServerResponse; server: Server };

/** How long requests in flight are waited for in the end. */
const IN_FLIGHT_MS = 20_000;

/**
 * Takes the end of this process into its own hands: at SIGTERM the server serves on for so many seconds, and each answer
 * says that its connection ends, so that clients which keep connections open come back over new ones, to other replicas.
 * Then it stops listening and finishes what is in flight.
 *
 * Next.js alone would close the connections at once, and lose the request that is on its way on one of them.
 */
export function endGracefully(seconds: number, exit: (code: number) => void): void {
  const servers = new Set<Server>();
  let draining = false;
  subscribe("http.server.request.start", (message) => {
    const { response, server } = message as Request;
    servers.add(server);
    if (draining) response.shouldKeepAlive = false;
  });

  const close = () => {
    setTimeout(() => exit(1), IN_FLIGHT_MS).unref();
    const closed = [...servers].map((server) => new Promise((done) => server.close(done)));
    void Promise.all(closed).then(() => exit(0));
  };
  const begin = () => {
    if (draining) return;
    draining = true;
    setTimeout(close, seconds * 1000);
  };
  process.on("SIGTERM", begin);
  process.on("SIGINT", begin);
}
