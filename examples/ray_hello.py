"""A Ray Serve application: `import_path: ray_hello:app`, with this folder in PYTHONPATH."""

from ray import serve


@serve.deployment(ray_actor_options={"num_cpus": 0.1})
class Hello:
    async def __call__(self, request):
        return f"hello {request.query_params.get('name', 'world')}\n"


app = Hello.bind()
