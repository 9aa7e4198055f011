import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { DELETE, GET, POST } from "../app/api/[...path]/route";

type Seen = { method?: string; url?: string; headers: IncomingMessage["headers"]; body: string };
let seen: Seen[] = [];

// Answers with two cookies, or as the path says.
const backend = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  seen.push({ method: request.method, url: request.url, headers: request.headers, body });
  if (request.url === "/api/gone") return response.writeHead(204).end();
  if (request.url === "/api/elsewhere") return response.writeHead(307, { Location: "http://127.0.0.1:1/" }).end();
  response.setHeader("Set-Cookie", ["a=1; HttpOnly", "b=2"]);
  response.writeHead(201, { "Content-Type": "application/json", "X-Served-By": "pod-1" }).end('{"ok":true}');
});

before(async () => {
  await new Promise<void>((done) => backend.listen(0, "127.0.0.1", done));
  process.env.BACKEND_URL = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
});
after(() => backend.close());

const PAGE = "http://page.example";

test("a request reaches the backend as it was sent, and the answer comes back whole", async () => {
  seen = [];
  const response = await POST(
    new Request(`${PAGE}/api/tasks?q=a%20b`, {
      method: "POST",
      headers: {
        Cookie: "todo_session=x",
        "Content-Type": "application/json",
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "Sec-Fetch-Site": "cross-site",
        Origin: "https://evil.example",
      },
      body: '{"title":"ü"}',
    }),
  );
  const [{ method, url, headers, body }] = seen;
  assert.deepEqual([method, url, body], ["POST", "/api/tasks?q=a%20b", '{"title":"ü"}']);
  assert.equal(headers.cookie, "todo_session=x");
  assert.equal(headers["x-forwarded-for"], "192.0.2.1");
  assert.equal(headers["x-forwarded-proto"], "https");
  assert.equal(headers["sec-fetch-site"], "cross-site");
  assert.equal(headers.origin, "https://evil.example");
  assert.equal(headers.connection, "close");
  assert.equal(response.status, 201);
  assert.deepEqual(response.headers.getSetCookie(), ["a=1; HttpOnly", "b=2"]);
  assert.equal(response.headers.get("x-served-by"), "pod-1");
  assert.deepEqual(await response.json(), { ok: true });
});

test("an answer without a body, and one that leads elsewhere, are passed on as they are", async () => {
  assert.equal((await DELETE(new Request(`${PAGE}/api/gone`, { method: "DELETE" }))).status, 204);
  const response = await GET(new Request(`${PAGE}/api/elsewhere`));
  assert.equal(response.status, 307);
  assert.equal(response.headers.get("location"), "http://127.0.0.1:1/");
});

test("no path leads to another server", async () => {
  seen = [];
  await GET(new Request(`${PAGE}/api//evil.example/x`));
  await GET(new Request(`${PAGE}/api/http://evil.example/x`));
  assert.deepEqual(
    seen.map(({ url }) => url),
    ["/api//evil.example/x", "/api/http://evil.example/x"],
  );
});

test("without the backend the answer says so", async (context) => {
  context.mock.method(console, "error", () => undefined);
  const address = process.env.BACKEND_URL;
  process.env.BACKEND_URL = "http://127.0.0.1:1";
  const response = await GET(new Request(`${PAGE}/api/tasks`));
  process.env.BACKEND_URL = address;
  assert.equal(response.status, 502);
  assert.deepEqual(await response.json(), { detail: "the backend does not answer" });
});
