/** Programs with the names that the KubeRay API's document asks for. */

/** Counts to five under the name that its environment gives, with the packages that its environment has. */
export const counterProgram = `
import os
import pendulum
import ray
import requests

ray.init()

@ray.remote
class Counter:
    def __init__(self):
        self.name = os.environ["counter_name"]
        self.count = 0

    def next(self):
        self.count += 1
        return f"{self.name} got {self.count}"

counter = Counter.remote()
for _ in range(5):
    print(ray.get(counter.next.remote()))
print("with requests", requests.__version__, "and pendulum", pendulum.__version__)
`

/** Stands that multiply by their price, and a market that knows them by their fruit. */
const fruit = `
from ray import serve

@serve.deployment
class Stand:
    def __init__(self):
        self.price = 0

    def reconfigure(self, config):
        self.price = config["price"]

    def __call__(self, amount):
        return self.price * amount

@serve.deployment(name="FruitMarket")
class Market:
    def __init__(self, **stands):
        self.stands = stands

    async def __call__(self, request):
        name, amount = await request.json()
        stand = self.stands.get(name.lower())
        return -1 if stand is None else await stand.remote(amount)

deployment_graph = Market.bind(
    **{name: Stand.options(name=f"{name.capitalize()}Stand").bind() for name in ("mango", "orange", "pear")}
)
`

/** Adds to a number, or multiplies it, as the request says. */
const conditionalDag = `
from ray import serve

@serve.deployment(user_config={"increment": 0})
class Adder:
    def reconfigure(self, config):
        self.increment = config["increment"]

    def __call__(self, number):
        return number + self.increment

@serve.deployment(user_config={"factor": 1})
class Multiplier:
    def reconfigure(self, config):
        self.factor = config["factor"]

    def __call__(self, number):
        return number * self.factor

@serve.deployment
class Router:
    def __init__(self, adder, multiplier):
        self.ways = {"ADD": adder, "MUL": multiplier}

    async def __call__(self, request):
        way, number = await request.json()
        return await self.ways[way].remote(number)

serve_dag = Router.bind(Adder.bind(), Multiplier.bind())
`

/** As an archive of a repository has them: all below one folder. */
export const serveSources = { "samples/fruit.py": fruit, "samples/conditional_dag.py": conditionalDag }
