/** One machine on the way to another. */
export interface Jump {
  readonly user?: string;
  readonly address: string;
  readonly port?: number;
}

const maxJumps = 8;

/** "[USER@]HOST[:PORT]", several separated by commas, nearest first; an IPv6 address with a port stands in brackets. */
export function parseJumpList(text: string): readonly Jump[] | { readonly problem: string } {
  const words = text.split(",").map((word) => word.trim());
  if (words.length > maxJumps) return { problem: `has more than ${maxJumps} machines on the way` };
  const jumps: Jump[] = [];
  for (const word of words) {
    const match =
      /^(?:([^@\s-][^@\s]*)@)?(?:\[([^\]\s]+)\]|([^@:[\]\s-][^@:[\]\s]*|[0-9A-Fa-f]*(?::[0-9A-Fa-f]*){2,}))(?::([0-9]{1,5}))?$/.exec(
        word,
      );
    const address = match?.[2] ?? match?.[3];
    const port = match?.[4] === undefined ? undefined : Number(match[4]);
    if (address === undefined || address.startsWith("-") || port === 0 || (port ?? 1) > 65535) {
      return { problem: `${JSON.stringify(word)} is no host to jump over; write it like bastion, or root@bastion:2222` };
    }
    jumps.push({ address, ...(match?.[1] !== undefined && { user: match[1] }), ...(port !== undefined && { port }) });
  }
  return jumps;
}
