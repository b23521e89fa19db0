/** A file in a tar archive (POSIX ustar). */
export interface TarMember {
  /** Printable ASCII, at most 100 characters. */
  readonly name: string
  readonly bytes: number
  /** Epoch milliseconds; whole seconds are kept. */
  readonly modifiedAtMs: number
}

const blockBytes = 512
/** What an octal field of 11 digits holds; larger sizes are written in binary, as GNU tar does. */
const mostOctal = 8 ** 11 - 1

/** What comes before a member's content: readable by its owner alone when it is unpacked. */
export function tarHead(member: TarMember): Buffer {
  if (!/^[\x20-\x7e]{1,100}$/.test(member.name)) throw new Error(`"${member.name}" cannot name a member.`)
  const head = Buffer.alloc(blockBytes)
  head.write(member.name, 0, "latin1")
  head.write("0000600\0", 100, "latin1")
  head.write("0000000\0", 108, "latin1")
  head.write("0000000\0", 116, "latin1")
  writeNumber(head, 124, member.bytes)
  writeNumber(head, 136, Math.max(0, Math.floor(member.modifiedAtMs / 1000)))
  head.write("0", 156, "latin1")
  head.write("ustar\u000000", 257, "latin1")
  head.write(`${octal(checksum(head), 6)}\0 `, 148, "latin1")
  return head
}

/** What comes after a member's content: zeros to the end of its last block. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes)
}

/** What comes after the last member. */
export const tarEnd: Buffer = Buffer.alloc(2 * blockBytes)

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0")
}

function writeNumber(head: Buffer, at: number, value: number): void {
  if (value <= mostOctal) {
    head.write(`${octal(value, 11)}\0`, at, "latin1")
    return
  }
  head.writeUInt8(0x80, at)
  head.writeBigUInt64BE(BigInt(value), at + 4)
}

function readNumber(head: Buffer, at: number): number {
  if ((head[at] ?? 0) & 0x80) return Number(head.readBigUInt64BE(at + 4))
  return Number.parseInt(head.toString("latin1", at, at + 12).replace(/[\0 ].*$/, "") || "0", 8)
}

/** The sum of all bytes, the checksum's own counted as blanks. */
function checksum(head: Buffer): number {
  let sum = 0
  for (const [at, byte] of head.entries()) sum += at >= 148 && at < 156 ? 32 : byte
  return sum
}

/** Thrown for what is no tar archive, or only the beginning of one. */
export class TarError extends Error {}

/**
 * Reads an archive from start to end, a member at a time, holding one piece of it in memory.
 * @yields each plain file with its content, which must be read (or left to be skipped) before the next
 * @throws TarError where it is damaged or ends too early
 */
export async function* readTar(
  archive: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly member: TarMember; readonly content: AsyncGenerator<Buffer> }> {
  const pieces = createPieces(archive)
  for (;;) {
    const head = await pieces.take(blockBytes)
    if (head.every((byte) => byte === 0)) return
    const member = readHead(head)
    const left = { bytes: member.bytes }
    const content = contentOf(pieces, left)
    // other kinds (folders, links) have no content to speak of
    if (isPlainFile(head)) yield { member, content }
    while (left.bytes > 0) left.bytes -= (await pieces.upTo(left.bytes)).length
    await pieces.take(tarPadding(member.bytes).length)
  }
}

function isPlainFile(head: Buffer): boolean {
  return head[156] === 0x30 || head[156] === 0
}

function readHead(head: Buffer): TarMember {
  const stated = Number.parseInt(head.toString("latin1", 148, 156), 8)
  const bytes = readNumber(head, 124)
  if (stated !== checksum(head) || !Number.isSafeInteger(bytes))
    throw new TarError("A member's head is damaged.")
  const name = head.toString("latin1", 0, 100).replace(/\0.*$/s, "").replace(/^\.\//, "")
  return { name, bytes, modifiedAtMs: readNumber(head, 136) * 1000 }
}

async function* contentOf(pieces: Pieces, left: { bytes: number }): AsyncGenerator<Buffer> {
  while (left.bytes > 0) {
    const piece = await pieces.upTo(left.bytes)
    left.bytes -= piece.length
    yield piece
  }
}

interface Pieces {
  /** Exactly so many bytes. */
  take(bytes: number): Promise<Buffer>
  /** At least one byte and at most so many. */
  upTo(bytes: number): Promise<Buffer>
}

/** @throws TarError when the archive ends before what is asked for */
function createPieces(archive: AsyncIterable<Uint8Array>): Pieces {
  const source = archive[Symbol.asyncIterator]()
  let held: Buffer = Buffer.alloc(0)
  async function upTo(bytes: number): Promise<Buffer> {
    while (held.length === 0) {
      const next = await source.next()
      if (next.done) throw new TarError("It ends too early.")
      held = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength)
    }
    const piece = held.subarray(0, bytes)
    held = held.subarray(piece.length)
    return piece
  }
  return {
    upTo,
    async take(bytes) {
      const parts: Buffer[] = []
      for (let left = bytes; left > 0; left -= parts.at(-1)?.length ?? 0) parts.push(await upTo(left))
      return Buffer.concat(parts)
    },
  }
}
