import { amdModel, amdUuid, inRuntimeOrder, isJsonRecord, type AmdCard, type AmdGpu } from "./amd-cards.ts"
import type { JsonRecord } from "./amd-cards.ts"

/** What `rocm-smi` is asked for. */
export const rocmArguments = [
  "--showproductname",
  "--showuniqueid",
  "--showid",
  "--showbus",
  "--showtemp",
  "--showpower",
  "--showmaxpower",
  "--showuse",
  "--showmeminfo",
  "vram",
  "--json",
]

/** The arguments without those that this version says it does not know; undefined where it says nothing like that. */
export function knownRocmArguments(said: string): readonly string[] | undefined {
  const unknown = /unrecognized arguments: (.*)/.exec(said)?.[1]?.split(/\s+/) ?? []
  const known = rocmArguments.filter((argument) => !unknown.includes(argument))
  return known.length < rocmArguments.length ? known : undefined
}

/**
 * Reads the answer of `rocm-smi --json`: an object per card, whose keys were renamed from version to version and whose
 * values are texts. Undefined: it is none.
 */
export function parseRocm(answer: unknown): readonly AmdGpu[] | undefined {
  if (!isJsonRecord(answer)) return undefined
  const cards: AmdCard[] = []
  for (const [key, facts] of Object.entries(answer)) {
    const card = /^card(\d+)$/.exec(key)?.[1]
    if (card !== undefined && isJsonRecord(facts)) cards.push(readCard(Number(card), readerOf(facts)))
  }
  return inRuntimeOrder(cards)
}

interface Reader {
  /** What the first of these keys says that says something; "" without. Keys in lower case. */
  readonly text: (...keys: string[]) => string
  readonly number: (...keys: string[]) => number | null
}

function readerOf(facts: JsonRecord): Reader {
  const byKey = new Map(Object.entries(facts).map(([key, value]) => [key.trim().toLowerCase(), value]))
  const text = (...keys: string[]) => {
    for (const key of keys) {
      const value = byKey.get(key)
      const said = typeof value === "number" || typeof value === "string" ? String(value).trim() : ""
      // `N/A (Secondary die)` too: the other half of the module tells for both
      if (said !== "" && !/^(n\/a|none|unknown|not supported)/i.test(said)) return said
    }
    return ""
  }
  return {
    text,
    number(...keys) {
      const said = text(...keys)
      return /^\d+(\.\d+)?$/.test(said) ? Number(said) : null
    },
  }
}

function readCard(card: number, { text, number }: Reader): AmdCard {
  return {
    card,
    nodeId: number("node id"),
    kfdId: number("guid"),
    gpu: {
      index: card,
      uuid: amdUuid(text("unique id"), text("pci bus"), card),
      model: amdModel([text("card series"), text("device name"), text("card model"), text("card sku")]),
      memoryBytes: number("vram total memory (b)") ?? 0,
      readings: {
        temperatureC: number(
          "temperature (sensor junction) (c)",
          "temperature (sensor edge) (c)",
          "temperature (sensor memory) (c)",
        ),
        powerW: number(
          "current socket graphics package power (w)",
          "average graphics package power (w)",
          "current graphics package power (w)",
        ),
        powerLimitW: number("max graphics package power (w)"),
        utilisationPercent: number("gpu use (%)"),
        memoryUsedBytes: number("vram total used memory (b)"),
      },
      unreadable: [],
      troubles: [],
      isSplit: false,
      pids: [],
    },
  }
}
