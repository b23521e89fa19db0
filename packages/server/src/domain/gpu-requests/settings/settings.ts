import { createBindings } from "./bindings.ts"
import type { GpuSettingsService } from "../commands.ts"
import type { GpuSettingsOptions } from "../options.ts"
import { createPrices } from "./prices.ts"
import { createTemplates } from "./templates.ts"

/** Templates, bindings and prices: rules, rights and what is written about them. The index follows by the topics. */
export function createGpuSettings(options: GpuSettingsOptions): GpuSettingsService {
  return { ...createTemplates(options), ...createBindings(options), ...createPrices(options) }
}
