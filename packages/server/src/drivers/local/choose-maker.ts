import type { GpuLook } from "./gpu-look.ts"

export type Maker = "nvidia" | "amd"

/**
 * Which maker's GPUs a machine offers: the one that there are more of, NVIDIA where there are as many. Undefined as long
 * as there are none; `look` is then the one that has something to say. `warning` is a sentence where both have some.
 */
export function chooseMaker(
  nvidia: GpuLook,
  amd: GpuLook,
): { readonly maker: Maker | undefined; readonly look: GpuLook; readonly warning: string } {
  const [ofNvidia, ofAmd] = [countOf(nvidia), countOf(amd)]
  if (ofNvidia + ofAmd === 0) {
    const telling = [nvidia, amd].find((look) => !look.ok || look.broken.length > 0)
    return { maker: undefined, look: telling ?? nvidia, warning: "" }
  }
  const isAmd = ofAmd > ofNvidia
  const warning =
    ofNvidia > 0 && ofAmd > 0
      ? `This machine has ${ofNvidia} NVIDIA and ${ofAmd} AMD GPUs: a node offers those of one maker, and ${isAmd ? "NVIDIA" : "AMD"}'s are left out.`
      : ""
  return { maker: isAmd ? "amd" : "nvidia", look: isAmd ? amd : nvidia, warning }
}

const countOf = (look: GpuLook) => (look.ok ? look.gpus.length : 0)
