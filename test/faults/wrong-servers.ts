import { readFile } from "node:fs/promises";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { runCommand } from "../services/index.ts";

export interface WrongServers {
  /** Port by what answers there. */
  readonly ports: Readonly<Record<WrongServer, number>>;
  stop(): void;
}

export type WrongServer =
  | "says-404"
  | "shows-a-page"
  | "says-yes"
  | "keeps-nothing"
  | "redirects"
  | "other-region"
  | "endless-page"
  | "self-signed"
  | "says-nothing"
  | "floods"
  | "drips";

const page = "<html><body>Welcome to nginx!</body></html>";
const elsewhere =
  '<?xml version="1.0" encoding="UTF-8"?><Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to access must be addressed using the specified endpoint.</Message></Error>';
const emptyBucket =
  '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>bucket</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>';

const httpServers: Readonly<Record<string, RequestListener>> = {
  "says-404": (_, response) => response.writeHead(404).end("not here"),
  "shows-a-page": (_, response) => response.writeHead(200, { "content-length": page.length }).end(page),
  "says-yes": (_, response) => response.writeHead(200).end(),
  // Speaks S3, says that all was stored, and has nothing.
  "keeps-nothing": (request, response) => {
    if (request.url?.includes("list-type=2")) response.writeHead(200).end(emptyBucket);
    else response.writeHead(request.method === "PUT" || /^\/bucket\/?(\?.*)?$/.test(request.url ?? "") ? 200 : 404).end();
  },
  redirects: (_, response) => response.writeHead(302, { location: "/login" }).end(),
  // As AWS answers for a bucket of another region.
  "other-region": (_, response) => response.writeHead(301, { "x-amz-bucket-region": "eu-central-1" }).end(elsewhere),
  "endless-page": (request, response) => {
    response.writeHead(200);
    const part = Buffer.alloc(65_536, "x");
    const send = () => {
      while (response.write(part));
    };
    if (request.method === "HEAD") response.end();
    else response.on("drain", send).on("close", () => response.destroy()) && send();
  },
};

const tcpServers: Readonly<Record<string, (socket: Socket) => void>> = {
  "says-nothing": () => {},
  floods: (socket) => {
    const part = Buffer.alloc(65_536, "x");
    const send = () => {
      while (socket.writable && socket.write(part));
    };
    socket.on("drain", send);
    send();
  },
  // SSH allows lines before the version; without an end they are no greeting.
  drips: (socket) => {
    const timer = setInterval(() => socket.write("another line\r\n"), 100);
    socket.on("close", () => clearInterval(timer));
  },
};

/** Servers of this process that stand where a store or a host should. */
export async function startWrongServers(folder: string): Promise<WrongServers> {
  const [key, cert] = [join(folder, "tls-key"), join(folder, "tls-cert")];
  const subject = ["-subj", "/CN=127.0.0.1", "-days", "2"];
  await runCommand("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, ...subject]);
  const servers: Record<string, Server> = {
    "self-signed": createHttpsServer({ key: await readFile(key), cert: await readFile(cert) }, httpServers["says-404"]),
  };
  for (const [name, listener] of Object.entries(httpServers)) servers[name] = createHttpServer(listener);
  for (const [name, listener] of Object.entries(tcpServers)) servers[name] = createTcpServer(listener);
  const sockets = new Set<Socket>();
  const ports: Record<string, number> = {};
  for (const [name, server] of Object.entries(servers)) {
    server.on("connection", (socket: Socket) => {
      sockets.add(socket.on("error", () => {}));
      socket.on("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ports[name] = (server.address() as AddressInfo).port;
  }
  return {
    ports: ports as WrongServers["ports"],
    stop() {
      for (const socket of sockets) socket.destroy();
      for (const server of Object.values(servers)) server.close();
    },
  };
}
