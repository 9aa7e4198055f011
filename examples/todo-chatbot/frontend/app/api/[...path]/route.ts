// The browser talks to this server only. It hands /api/… through to the backend, whose address is read for each request:
// rewrites in next.config.js would freeze it at build time.

export const dynamic = "force-dynamic";

const TIMEOUT_MS = 30_000;

// What belongs to one connection, and what fetch works out by itself.
const NOT_FORWARDED = [
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

function forwarded(headers: Headers): Headers {
  const result = new Headers(headers);
  NOT_FORWARDED.forEach((name) => result.delete(name));
  return result;
}

async function proxy(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const base = process.env.BACKEND_URL ?? "http://localhost:8000";
  const headers = forwarded(request.headers);
  // A connection of its own for each request: they spread over the replicas, and none is sent to one that is about to
  // close the connection.
  headers.set("connection", "close");
  const hasBody = request.method !== "GET" && request.method !== "HEAD";
  try {
    const response = await fetch(new URL(pathname + search, base), {
      method: request.method,
      headers,
      body: hasBody ? await request.arrayBuffer() : undefined,
      cache: "no-store",
      redirect: "manual",
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    return new Response(response.body, { status: response.status, headers: forwarded(response.headers) });
  } catch (error) {
    if (!request.signal.aborted) console.error(`${request.method} ${pathname}:`, error);
    return Response.json({ detail: "the backend does not answer" }, { status: 502 });
  }
}

export { proxy as DELETE, proxy as GET, proxy as PATCH, proxy as POST };
