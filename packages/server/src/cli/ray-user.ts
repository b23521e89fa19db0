import type { RaySession } from "./ray-place.ts"

const longestLabel = 63

/** The caller's name as the label that the KubeRay API wants. */
export async function rayUser({ client }: RaySession): Promise<string> {
  const { userName } = await client.berth.me()
  const label = userName
    .replaceAll(/[^A-Za-z0-9_.-]/g, "-")
    .slice(0, longestLabel)
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "")
  return label || "user"
}
