// The built server's end, as a rollout asks for it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, get } from "node:http";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

test("at SIGTERM no request over a kept connection is lost", async () => {
  const port = await freePort();
  const server = spawn("node", [".next/standalone/server.js"], {
    env: { ...process.env, PORT: port, HOSTNAME: "127.0.0.1", NEXT_MANUAL_SIG_HANDLE: "true", DRAIN_SECONDS: "1" },
    stdio: "ignore",
  });
  const ended = once(server, "exit");
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const ask = () =>
    new Promise((done, fail) => {
      const request = get({ host: "127.0.0.1", port, path: "/", agent }, (response) => done(response.resume()));
      request.on("error", (error) => fail(Object.assign(error, { wasKept: request.reusedSocket })));
    });
  try {
    const deadline = Date.now() + 30_000;
    while (!(await ask().catch(() => undefined))) {
      assert.ok(Date.now() < deadline, "the server has not come up");
      await sleep(50);
    }
    const connections = [];
    const failures = [];
    let asking = true;
    const clients = Array.from({ length: 4 }, async () => {
      while (asking) {
        await ask().then(
          ({ statusCode, headers }) => connections.push(`${statusCode} ${headers.connection}`),
          (error) => error.wasKept && failures.push(error.code),
        );
        await sleep(10);
      }
    });
    await sleep(300);
    server.kill("SIGTERM");
    const [code] = await ended;
    asking = false;
    await Promise.all(clients);
    assert.equal(code, 0);
    assert.deepEqual(new Set(connections), new Set(["200 keep-alive", "200 close"]));
    // New connections fail once this server has stopped listening: here is no other replica for them.
    assert.deepEqual(failures, []);
  } finally {
    server.kill("SIGKILL");
    agent.destroy();
  }
});
