import { z } from "zod";
import { parseJumpList } from "../../machine/jump-list.ts";
import { flag, name, period, port, rate, size, text, withAppend, word } from "./scalars.ts";
import { secret } from "./secret-schema.ts";

export const host = z
  .strictObject(
    withAppend({
      address: word("Name, address, or an alias of ssh_config; default: the host's name here.").optional(),
      port: port("SSH port.", 22).optional(),
      user: word("Login name.", "root").optional(),
      identity: text("Path of the private key; default: agent and the usual keys.").optional(),
      passphrase: secret("Passphrase of the key named by identity").optional(),
      proxy_jump: z
        .string()
        .superRefine((value, context) => {
          const parsed = parseJumpList(value);
          if ("problem" in parsed) context.addIssue({ code: "custom", message: parsed.problem });
        })
        .meta({
          description:
            "Hosts to go through, nearest first: names of hosts here, or [USER@]HOST[:PORT], separated by commas; none: directly. Default: ssh_config.",
          examples: ["bastion", "ops@bastion.example:2222"],
        })
        .optional(),
      ssh_config: z
        .union([z.literal(false), text("Path.")])
        .meta({
          description:
            "An ssh_config file to look the address up in, or false; default: ~/.ssh/config and /etc/ssh/ssh_config. Keys that are set here win.",
        })
        .optional(),
      known_hosts: text("Path of a known_hosts file; default: the user's and the machine's.").optional(),
      host_key: z
        .string()
        .regex(/^(known_hosts|SHA256:[A-Za-z0-9+/]{43}=?)$/, { error: 'is neither known_hosts nor a fingerprint "SHA256:..."' })
        .meta({ description: 'A pinned fingerprint "SHA256:...", or known_hosts.', default: "known_hosts" })
        .optional(),
      password: secret("Password of the login, where keys cannot be used").optional(),
      sudo: flag("Read with sudo -n.", false).optional(),
      nice: flag(
        "Commands run with the lowest priority for CPU and disk (nice, ionice), where the host has them.",
        false,
      ).optional(),
      limit: rate("No more than this is received from the host, by each run.").optional(),
      connections: z
        .int({ error: "must be a whole number, 1 to 8" })
        .min(1, { error: "must be 1 to 8" })
        .max(8, { error: "must be 1 to 8" })
        .meta({
          description:
            "SSH connections that are used at once, 1 to 8: more where one is not all that the line or the host's processor can do. What is read is spread over them.",
          default: 1,
        })
        .optional(),
      transfer: z
        .enum(["auto", "tar", "sftp"])
        .meta({
          description:
            "How files are read: tar, by GNU find and tar there; sftp, where only that can be had (without sudo, and less is kept of each file); auto, tar where it can be and else sftp.",
          default: "auto",
        })
        .optional(),
      range_hashes: z
        .union([z.literal(false), size("Size.")])
        .meta({
          description:
            "Of changed files from this size on, pieces are hashed on the host (by python3 or perl) and compared with the last snapshot, and only what differs is moved; false: changed files are always read whole.",
          default: "16MiB",
        })
        .optional(),
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
