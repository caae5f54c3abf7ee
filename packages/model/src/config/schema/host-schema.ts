import { z } from "zod";
import { flag, name, period, port, text, withAppend, word } from "./scalars.ts";
import { secret } from "./secret-schema.ts";

export const host = z
  .strictObject(
    withAppend({
      address: word("Name or address; default: the host's name here.").optional(),
      port: port("SSH port.", 22).optional(),
      user: word("Login name.", "root").optional(),
      identity: text("Path of the private key; default: agent and the usual keys.").optional(),
      known_hosts: text("Path of a known_hosts file; default: the user's and the machine's.").optional(),
      host_key: z
        .string()
        .regex(/^(known_hosts|SHA256:[A-Za-z0-9+/]{43}=?)$/, { error: 'is neither known_hosts nor a fingerprint "SHA256:..."' })
        .meta({ description: 'A pinned fingerprint "SHA256:...", or known_hosts.', default: "known_hosts" })
        .optional(),
      password: secret("Password of the login, where keys cannot be used").optional(),
      sudo: flag("Read with sudo -n.", false).optional(),
      purpose: z
        .enum(["production", "scratch"])
        .meta({ description: "Drills write to scratch hosts only.", default: "production" })
        .optional(),
      tags: z.array(name).meta({ description: "For policies that choose hosts by tag." }).optional(),
      connect_timeout: period("For the login.", "15s").optional(),
    }),
  )
  .meta({ description: "A server that is reached over SSH." });
export type HostInput = z.infer<typeof host>;
