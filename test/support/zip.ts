import { crc32 } from "node:zlib"

/** An archive of texts by their paths, not compressed. */
export function zipOf(files: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = []
  const entries: Buffer[] = []
  let offset = 0
  for (const [path, text] of Object.entries(files)) {
    const [name, data] = [Buffer.from(path), Buffer.from(text)]
    const local = Buffer.concat([header("PK\x03\x04", name, data, []), name, data])
    // no comment, the first disk, an ordinary file that its owner may read and write
    const more = [0, 0, 0, 0, 0o100644, offset & 0xffff, offset >>> 16]
    entries.push(Buffer.concat([header("PK\x01\x02", name, data, more), name]))
    parts.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(entries)
  const count = entries.length
  const end = Buffer.concat([
    Buffer.from("PK\x05\x06", "latin1"),
    words([0, 0, count, count, directory.length & 0xffff, directory.length >>> 16]),
    words([offset & 0xffff, offset >>> 16, 0]),
  ])
  return Buffer.concat([...parts, directory, end])
}

/** Both kinds of header have the same middle; that of the directory says who wrote it, and more behind it. */
function header(mark: string, name: Buffer, data: Buffer, more: readonly number[]): Buffer {
  const sum = crc32(data)
  const size = [data.length & 0xffff, data.length >>> 16]
  const isDirectory = more.length > 0
  return Buffer.concat([
    Buffer.from(mark, "latin1"),
    // made on a system with permissions; version 2.0; no flags; stored; 1980-01-01
    words([...(isDirectory ? [0x0314] : []), 20, 0, 0, 0, 0x21]),
    words([sum & 0xffff, sum >>> 16, ...size, ...size, name.length, 0]),
    words(more),
  ])
}

function words(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2)
  values.forEach((value, at) => bytes.writeUInt16LE(value, at * 2))
  return bytes
}
