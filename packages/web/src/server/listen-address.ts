import { LifeboatError } from "@lifeboat/model";

export interface ListenAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** "127.0.0.1:8080", "localhost:0", "[::1]:8080". Errors: `page-not-served`. */
export function parseListen(listen: string): ListenAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined || port > 65_535) {
    throw new LifeboatError("page-not-served", `"${listen}" is no ADDRESS:PORT for the page to listen at`, {
      context: { listen },
    });
  }
  return { host, port };
}

const loopbackNames: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "::1"]);

/**
 * On loopback only this machine's names and the public one are answered: a foreign site that points its own name at
 * 127.0.0.1 in a visitor's browser (DNS rebinding) must not read the page. Elsewhere every name is answered.
 */
export function isHostAllowed(hostHeader: string | undefined, listen: ListenAddress, publicUrl: string | undefined): boolean {
  if (!loopbackNames.has(listen.host)) return true;
  const name = hostName(hostHeader ?? "");
  if (name === undefined) return false;
  return loopbackNames.has(name) || (publicUrl !== undefined && URL.canParse(publicUrl) && new URL(publicUrl).hostname === name);
}

function hostName(hostHeader: string): string | undefined {
  return /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::[0-9]{1,5})?$/
    .exec(hostHeader)
    ?.slice(1)
    .find((part) => part !== undefined)
    ?.toLowerCase();
}
