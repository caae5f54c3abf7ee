import { byteString } from "@lifeboat/model";
import { describe, expect, test } from "vitest";
import { longNode, modeText } from "./describe-node.ts";
import { countOf, formatBytes } from "./format-size.ts";
import { formatAge, formatMoment, formatSpan } from "./format-time.ts";
import { renderTable } from "./render-table.ts";
import { progressText } from "./show-progress.ts";
import { runLines } from "./show-run.ts";

describe("what people read", () => {
  test("sizes in IEC units", () => {
    expect([0, 1023, 1024, 1536, 102_348, 1_048_575, 2 ** 30, 2 ** 60].map(formatBytes)).toEqual([
      "0 B",
      "1023 B",
      "1.0 KiB",
      "1.5 KiB",
      "99.9 KiB",
      "1.0 MiB",
      "1.0 GiB",
      "1024 PiB",
    ]);
    expect([countOf(1, "file"), countOf(58_110, "file"), countOf(2, "entry", "entries")]).toEqual([
      "1 file",
      "58 110 files",
      "2 entries",
    ]);
  });

  test("times with their zone, on both sides of a clock change", () => {
    expect(formatMoment(Date.UTC(2026, 9, 25, 0, 30), "Europe/Berlin")).toBe("2026-10-25 02:30 CEST");
    expect(formatMoment(Date.UTC(2026, 9, 25, 1, 30), "Europe/Berlin")).toBe("2026-10-25 02:30 CET");
    expect(formatMoment(Date.UTC(2026, 0, 1), "UTC", true)).toBe("2026-01-01 00:00:00 UTC");
    expect([formatAge(10_000, 4_000), formatAge(0, 60_000), formatSpan(0.25), formatSpan(95)]).toEqual([
      "6s",
      "in 1m",
      "0.3s",
      "1m 35s",
    ]);
  });

  test("progress with rate and time left", () => {
    const status = {
      message_type: "status",
      seconds_elapsed: 60,
      percent_done: 0.639,
      bytes_done: 19_756_849_561,
      total_bytes: 31_353_261_260,
      files_done: 41_233,
      total_files: 58_110,
      seconds_remaining: 290,
      error_count: 1,
      current_files: ["2026/11/img.jpg"],
    } as const;
    expect(progressText("web1/uploads", status, 38 * 1024 * 1024)).toBe(
      "web1/uploads  63%  18.4 GiB of 29.2 GiB · 41 233 of 58 110 files · 38.0 MiB/s · 4m 50s left · 1 problem · 2026/11/img.jpg",
    );
    expect(progressText("check", { message_type: "status", seconds_elapsed: 1, phase: "listing" }, undefined)).toBe(
      "check  listing  ",
    );
  });

  test("tables align, and have no blanks at the ends of lines", () => {
    const lines = renderTable(
      [{ head: "A" }, { head: "SIZE", align: "right" }, { head: "WHY" }],
      [
        ["übel", "1 B", ""],
        ["b", "1023 B", "x"],
      ],
    );
    expect(lines).toEqual(["A       SIZE  WHY", "übel     1 B", "b     1023 B  x"]);
    expect(renderTable([{ head: "A" }], [])).toEqual([]);
  });

  test("modes as ls shows them, special bits included", () => {
    const setuid = 2 ** 23;
    const sticky = 2 ** 20;
    expect(modeText({ type: "file", mode: 0o755 + setuid })).toBe("-rwsr-xr-x");
    expect(modeText({ type: "file", mode: 0o644 + setuid })).toBe("-rwSr--r--");
    expect(modeText({ type: "dir", mode: 2 ** 31 + 0o777 + sticky })).toBe("drwxrwxrwt");
  });

  test("words of a host neither steer the terminal nor forge a line", () => {
    const hostile = "www\n/etc/passwd  ✓\x1b[2J\x9b8m";
    const clean = "www\\x0a/etc/passwd  ✓\\x1b[2J\\x9b8m";
    const time = "2026-01-02T03:04:05Z";
    const node = {
      name: byteString("a"),
      type: "file",
      mode: 0o644,
      mtime: time,
      atime: time,
      ctime: time,
      uid: 0,
      gid: 0,
    } as const;
    const rest = { user: hostile, group: hostile, inode: "0", deviceId: "0", size: 1, links: 1 };
    expect(longNode({ ...node, ...rest }, "UTC")).toContain(`  ${clean}  ${clean}  `);
    const lines = runLines({
      schema: "lifeboat.run/1",
      id: "run",
      kind: "backup",
      object: "web1/files",
      policy: null,
      slot: time,
      started: time,
      ended: time,
      result: "incomplete",
      attempt: 1,
      cause: hostile,
      code: null,
      repository: null,
      snapshot: null,
      figures: {},
      problems: [{ path: "a", kind: "unreadable", detail: hostile }],
      problemCount: 1,
    });
    expect(lines).toEqual([`web1/files  ! INCOMPLETE ${clean}  0.0s`, `  ! a: unreadable: ${clean}`]);
  });
});
