/** The process's environment: read here and in main.ts, nowhere else. Apart from config.ts so that it loads nothing. */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env
}
