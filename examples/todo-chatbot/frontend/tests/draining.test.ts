import assert from "node:assert/strict";
import { Agent, createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { endGracefully } from "../lib/draining";

test("at SIGTERM connections are sent elsewhere, then what is in flight is finished", async () => {
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url === "/slow") held.push(response);
    else response.end("quick");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true });
  const ask = (path: string) =>
    new Promise<IncomingMessage>((done, fail) => {
      get({ host: "127.0.0.1", port, path, agent }, (response) => done(response.resume())).on("error", fail);
    });
  let ended: number | undefined;
  const exited = new Promise<void>((done) =>
    endGracefully(0.5, (code) => {
      ended = code;
      done();
    }),
  );

  assert.equal((await ask("/")).headers.connection, "keep-alive");
  const slow = ask("/slow");
  while (held.length === 0) await sleep(5);
  process.emit("SIGTERM");
  process.emit("SIGTERM");
  assert.equal((await ask("/")).headers.connection, "close");
  while (server.listening) await sleep(5);
  assert.equal(ended, undefined, "the process ends although a request is in flight");
  held[0].end("slow");
  assert.equal((await slow).statusCode, 200);
  agent.destroy();
  await exited;
  assert.equal(ended, 0);
});
