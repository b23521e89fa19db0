import { driverSuite } from "../driver-suite.ts"
import { createLocalWorld, groupModes } from "./local-test-world.ts"

for (const useGroups of groupModes)
  driverSuite(`the local driver ${useGroups ? "with" : "without"} control groups`, () =>
    Promise.resolve(createLocalWorld({ useGroups })),
  )
