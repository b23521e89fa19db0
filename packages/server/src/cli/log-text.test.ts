import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { logLines, logText } from "./log-text.ts"
import { createTestTerminal } from "./test-terminal.ts"

const colours = createTestTerminal({ isTty: true })
const plain = createTestTerminal({ isTty: true, env: { NO_COLOR: "1" } })
const pipe = createTestTerminal({ isTty: false })
const red = "\u001b[31m"
const off = "\u001b[0m"

describe("a log", () => {
  it.each([
    ["a title", "a\u001b]0;you are root\u0007b", "ab"],
    ["a title in the other form", "a\u001b]2;x\u001b\\b", "ab"],
    ["a title that does not end", "a\u001b]0;x b", "a"],
    ["the clipboard", "a\u001b]52;c;cm0gLXJm\u0007b", "ab"],
    ["cursor and screen", "a\u001b[2J\u001b[1;1H\u001b[3Ab\u001b[K", "ab"],
    ["a scrolling region, another screen, a paste mode", "a\u001b[1;3r\u001b[?1049h\u001b[?2004hb", "ab"],
    ["a report that is typed in for the reader", "a\u001b[6n\u001b[21t\u001bZ\u0005b", "ab"],
    ["settings of xterm that look like colours", "a\u001b[>4;2mb", "ab"],
    ["device control, and a reset", "a\u001bP1$r0m\u001b\\b\u001bc", "ab"],
    ["another character set", "a\u001b(0b\u000e", "ab"],
    ["one-byte forms", "a\u009b2J\u009d0;x\u009cb\u0085", "ab"],
    ["backspaces, bells, feeds, and a sequence that is cut off", "a\b\u0007\u000b\f\u0000b\u001b[1", "ab"],
    ["what is hidden in another one", "a\u001b[\u001b[31m2Jb", "a\u001b[31m2Jb\u001b[0m"],
  ])("does not steer the terminal: %s", (_what, line, shown) => {
    expect(logLines(colours, [line])).toBe(`${shown}\n`)
  })

  it("has its colours where the terminal has, and they end with the line", () => {
    const line = `${red}warm${off} 1${red}2`
    expect(logLines(colours, [line, "next"])).toBe(`${line}${off}\nnext\n`)
    for (const terminal of [plain, pipe]) expect(logLines(terminal, [line])).toBe("warm 12\n")
  })

  it("shows a line that was written over as it stands in the end, and loses nothing for programs", () => {
    const line = "10%\r50%\r100%\r"
    expect(logLines(colours, [line])).toBe("100%\n")
    expect(logLines(pipe, [line], "[1] ")).toBe("[1] 10%\n[1] 50%\n[1] 100%\n")
  })

  it("keeps tabs, empty lines and every language, and ends with the end of a line", () => {
    expect(logText(pipe, "a\tü💥\n\n漢\n")).toBe("a\tü💥\n\n漢\n")
    expect(logText(pipe, "a")).toBe("a\n")
    expect(logText(pipe, "")).toBe("")
  })

  it("has no control character left but colours, whatever is in it", () => {
    const bit = fc.constantFrom(
      "\u001b",
      "[",
      "]",
      "31",
      "m",
      "\u009b",
      "\u009d",
      "0;",
      "\u0007",
      "\\",
      "x",
      "\r",
      "P",
    )
    fc.assert(
      fc.property(fc.array(bit, { maxLength: 40 }), (bits) => {
        const line = bits.join("")
        expect(logLines(plain, [line])).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
        const left = logLines(colours, [line]).replaceAll(/\u001b\[[\d;:]*m/g, "")
        expect(left).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
      }),
    )
  })
})
