import type { JobContext } from "@lifeboat/jobs";
import {
  type CompiledAsset,
  type CompiledHost,
  describeLosses,
  displayName,
  isLifeboatError,
  type Machine,
} from "@lifeboat/model";
import { lookForGnuTools, lookOverSftp, sftpLosses } from "@lifeboat/remote";
import { type Finding, failure } from "./finding.ts";

interface TransferSight {
  /** How files of the host are going to be read. */
  readonly way: "tar" | "sftp";
  readonly runsCommands: boolean;
  readonly findings: readonly Finding[];
}

/** Which way files are read from a host, and what that way loses. */
export async function lookAtTransfer(
  { clock, signal }: JobContext,
  machine: Machine,
  host: CompiledHost,
  assets: readonly CompiledAsset[],
): Promise<TransferSight> {
  const about = `host ${host.name}`;
  const { missing, runsCommands } = await lookForGnuTools(machine, signal);
  const way = host.transfer === "sftp" || (host.transfer === "auto" && missing.length > 0) ? "sftp" : "tar";
  const files = assets.map(({ source }) => source).filter(({ type }) => type === "files");
  if (way === "tar") return { way, runsCommands: true, findings: [] };
  const findings: Finding[] = [];
  const reason = runsCommands ? `no GNU ${missing.join(" and no GNU ")}` : "it runs no commands";
  if (!runsCommands && files.length < assets.length) {
    const next = "give the account a shell, or use another account for databases";
    findings.push({ level: "bad", about, text: "it runs no commands, so that no database can be dumped", next });
  }
  if (files.length === 0) {
    if (!runsCommands)
      findings.push({ level: "warning", about, text: reason, next: "nothing, where only files are read from it" });
    return { way, runsCommands, findings };
  }
  try {
    await lookOverSftp(machine, [], { clock, signal });
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    findings.push({ ...failure(about, error), next: "install GNU find and GNU tar there, or let its SSH server offer SFTP" });
    return { way, runsCommands, findings };
  }
  const oneFilesystem = files.some((source) => source.type === "files" && source.oneFilesystem);
  const text = `files are read over SFTP, without ${describeLosses(sftpLosses({ oneFilesystem, sudo: host.sudo }))}`;
  if (host.transfer === "sftp") findings.push({ level: "ok", about, text: `${text} (transfer: sftp)` });
  else {
    const next = runsCommands
      ? "install GNU find and GNU tar there, or set transfer: sftp where that is enough"
      : "set transfer: sftp where that is enough";
    findings.push({ level: "warning", about, text: `${text} (${reason})`, next });
  }
  return { way, runsCommands, findings };
}

export async function* lookAtPathsOverSftp(
  { clock, signal }: JobContext,
  machine: Machine,
  user: string,
  { name, source }: CompiledAsset,
): AsyncGenerator<Finding> {
  if (source.type !== "files") return;
  const about = `asset ${name}`;
  for (const [path, problem] of await lookOverSftp(machine, source.paths, { clock, signal })) {
    const shown = displayName(path);
    if (problem === undefined) yield { level: "ok", about, text: `${shown} is there` };
    else {
      const text = `${shown} cannot be seen by ${user} over SFTP: ${problem}`;
      yield { level: "bad", about, text, next: `correct the path in the policy, or the rights of ${user}` };
    }
  }
}
