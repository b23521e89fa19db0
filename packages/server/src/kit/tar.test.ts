import { spawnSync } from "node:child_process"
import { describe, expect, it } from "vitest"
import { readTar, TarError, tarEnd, tarHead, tarPadding, type TarMember } from "./tar.ts"

function archive(files: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(files).flatMap(([name, text]) => {
    const content = Buffer.from(text)
    const head = tarHead({ name, bytes: content.length, modifiedAtMs: 1_700_000_000_000 })
    return [head, content, tarPadding(content.length)]
  })
  return Buffer.concat([...parts, tarEnd])
}

async function* inPieces(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function unpack(source: AsyncIterable<Uint8Array>): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for await (const { member, content } of readTar(source)) {
    const parts: Buffer[] = []
    for await (const piece of content) parts.push(piece)
    found[member.name] = Buffer.concat(parts).toString()
  }
  return found
}

const files = { "a.json": "{}", empty: "", block: "x".repeat(512), long: "y".repeat(5000) }

describe("a tar archive", () => {
  it("is what the system's tar reads, for the owner alone", () => {
    const listed = spawnSync("tar", ["-tv"], { input: archive(files), encoding: "utf8" })
    expect(listed.status).toBe(0)
    expect(
      listed.stdout
        .trim()
        .split("\n")
        .map((line) => line.split(/\s+/)[0]),
    ).toEqual(Object.keys(files).map(() => "-rw-------"))
  })

  it.each([1, 511, 512, 513, 100_000])("comes back as it was in pieces of %i bytes", async (size) => {
    expect(await unpack(inPieces(archive(files), size))).toEqual(files)
  })

  it("is read as the system's tar writes it", async () => {
    const { stdout } = spawnSync("tar", ["-c", "-C", "/proc/self", "--dereference", "comm"])
    const found = await unpack(inPieces(stdout, 1000))
    expect(Object.keys(found)).toEqual(["comm"])
  })

  it("may be skipped through without reading any content", async () => {
    const names: string[] = []
    for await (const { member } of readTar(inPieces(archive(files), 700))) names.push(member.name)
    expect(names).toEqual(Object.keys(files))
  })

  it("tells when it is cut off, at every place", async () => {
    const whole = archive({ a: "some text" })
    for (let bytes = 0; bytes < 1024 + 512; bytes += 64)
      await expect(unpack(inPieces(whole.subarray(0, bytes), 100))).rejects.toThrow(TarError)
  })

  it("tells when a head is damaged", async () => {
    const bytes = archive({ a: "some text" })
    bytes[3] = 65
    await expect(unpack(inPieces(bytes, 512))).rejects.toThrow(TarError)
  })

  it("holds sizes beyond 8 GiB", async () => {
    const member: TarMember = { name: "large", bytes: 9 * 2 ** 30, modifiedAtMs: 0 }
    for await (const found of readTar(inPieces(tarHead(member), 512))) {
      expect(found.member).toEqual(member)
      break
    }
  })
})
