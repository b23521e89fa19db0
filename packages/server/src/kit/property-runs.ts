/** How a property is tried: `runs` made-up cases, from `seed`. */
export interface PropertyRuns {
  readonly runs: number
  readonly seed?: number
}

/**
 * The same cases at every run of the tests, so that what is in a change decides whether it passes; for a search
 * `BERTH_PROPERTY_RUNS` asks for more, other ones each time, and `BERTH_SEED` for those of a seed.
 */
export function propertyRuns(
  usual: number,
  env: Readonly<Record<string, string | undefined>> = process.env,
): PropertyRuns {
  const { BERTH_PROPERTY_RUNS: runs, BERTH_SEED: seed } = env
  if (seed !== undefined) return { runs: Number(runs ?? usual), seed: Number(seed) }
  return runs === undefined ? { runs: usual, seed: 5 } : { runs: Number(runs) }
}
