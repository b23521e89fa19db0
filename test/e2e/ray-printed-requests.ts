/** Every curl of the KubeRay API's document, by what it does, as it is printed but for host and version. */

export const createTemplate = String.raw`curl --silent -X 'POST' \
  '{{host}}/apis/v1/namespaces/ray-system/compute_templates' \
  -H 'accept: application/json' \
  -H 'Content-Type: application/json' \
  -d '{
      "name": "default-template",
      "namespace": "ray-system",
      "cpu": 2,
      "memory": 4
    }'`

export const listTemplates = String.raw`curl --silent -X 'GET' \
  '{{host}}/apis/v1/namespaces/ray-system/compute_templates' \
  -H 'accept: application/json'`

export const listAllTemplates = String.raw`curl --silent -X 'GET' \
'{{host}}/apis/v1/compute_templates' \
-H 'accept: application/json'`

export const getTemplate = String.raw`curl --silent -X 'GET' \
'{{host}}/apis/v1/namespaces/ray-system/compute_templates/default-template' \
-H 'accept: application/json'`

export const deleteTemplate = String.raw`curl --silent -X 'DELETE' \
'{{host}}/apis/v1/namespaces/ray-system/compute_templates/default-template' \
-H 'accept: application/json'`

export const createCluster = String.raw`curl --silent -X 'POST' \
  '{{host}}/apis/v1/namespaces/ray-system/clusters' \
  -H 'accept: application/json' \
  -H 'Content-Type: application/json' \
  -d '{
  "name": "test-cluster",
  "namespace": "ray-system",
  "user": "3cpo",
  "version": "{{version}}",
  "environment": "DEV",
  "clusterSpec": {
    "headGroupSpec": {
      "computeTemplate": "default-template",
      "image": "rayproject/ray:{{version}}",
      "serviceType": "NodePort",
      "rayStartParams": {
        "dashboard-host": "0.0.0.0",
        "metrics-export-port": "8080"
      },
      "volumes": []
    },
    "workerGroupSpec": [
      {
        "groupName": "small-wg",
        "computeTemplate": "default-template",
        "image": "rayproject/ray:{{version}}",
        "replicas": 1,
        "minReplicas": 1,
        "maxReplicas": 1,
        "rayStartParams": {
          "node-ip-address": "$MY_POD_IP"
        }
      }
    ]
  }
}'`

export const listClusters = String.raw`curl --silent -X 'GET' \
  '{{host}}/apis/v1/namespaces/ray-system/clusters' \
  -H 'accept: application/json'`

export const listAllClusters = String.raw`curl --silent -X 'GET' \
  '{{host}}/apis/v1/clusters' \
  -H 'accept: application/json'`

/** Under the heading of one cluster the document prints the line of the list. */
export const getCluster = String.raw`curl --silent -X 'GET' \
  '{{host}}/apis/v1/namespaces/ray-system/clusters' \
  -H 'accept: application/json'`

export const deleteCluster = String.raw`curl --silent -X 'DELETE' \
'{{host}}/apis/v1/namespaces/ray-system/clusters/test-cluster' \
-H 'accept: application/json'`

export const createJob = String.raw`curl --silent -X 'POST' \
    '{{host}}/apis/v1/namespaces/ray-system/jobs' \
    -H 'accept: application/json' \
    -H 'Content-Type: application/json' \
    -d '{
    "name": "rayjob-test",
    "namespace": "ray-system",
    "user": "3cp0",
    "version": "{{version}}",
    "entrypoint": "python -V",
    "clusterSpec": {
      "headGroupSpec": {
        "computeTemplate": "default-template",
        "image": "rayproject/ray:{{version}}",
        "serviceType": "NodePort",
        "rayStartParams": {
          "dashboard-host": "0.0.0.0"
        }
      },
      "workerGroupSpec": [
        {
          "groupName": "small-wg",
          "computeTemplate": "default-template",
          "image": "rayproject/ray:{{version}}",
          "replicas": 1,
          "minReplicas": 0,
          "maxReplicas": 1,
          "rayStartParams": {
            "metrics-export-port": "8080"
          }
        }
      ]
    }
  }'`

export const createJobCluster = String.raw`curl -X POST '{{host}}/apis/v1/namespaces/default/clusters' \
--header 'Content-Type: application/json' \
--data '{
  "name": "job-test",
  "namespace": "default",
  "user": "kuberay",
  "version": "{{version}}",
  "environment": "DEV",
  "clusterSpec": {
    "headGroupSpec": {
      "computeTemplate": "default-template",
      "image": "rayproject/ray:{{version}}-py310",
      "serviceType": "NodePort",
      "rayStartParams": {
         "dashboard-host": "0.0.0.0",
         "metrics-export-port": "8080"
       },
       "volumes": [
         {
           "name": "code-sample",
           "mountPath": "/home/ray/samples",
           "volumeType": "CONFIGMAP",
           "source": "ray-job-code-sample",
           "items": {"sample_code.py" : "sample_code.py"}
         }
       ]
    },
    "workerGroupSpec": [
      {
        "groupName": "small-wg",
        "computeTemplate": "default-template",
        "image": "rayproject/ray:{{version}}-py310",
        "replicas": 1,
        "minReplicas": 0,
        "maxReplicas": 5,
        "rayStartParams": {
           "node-ip-address": "$MY_POD_IP"
         },
        "volumes": [
          {
            "name": "code-sample",
            "mountPath": "/home/ray/samples",
            "volumeType": "CONFIGMAP",
            "source": "ray-job-code-sample",
            "items": {"sample_code.py" : "sample_code.py"}
          }
        ]
      }
    ]
  }
}'`

export const createSelectingJob = String.raw`curl -X POST '{{host}}/apis/v1/namespaces/default/jobs' \
--header 'Content-Type: application/json' \
--data '{
  "name": "job-test",
  "namespace": "default",
  "user": "kuberay",
  "version": "{{version}}",
  "entrypoint": "python /home/ray/samples/sample_code.py",
  "runtimeEnv": "pip:\n  - requests==2.26.0\n  - pendulum==2.1.2\nenv_vars:\n  counter_name: test_counter\n",
  "jobSubmitter": {
    "image": "rayproject/ray:{{version}}-py310",
    "cpu": "400m",
    "memory": "150Mi"
  },
  "clusterSelector": {
    "ray.io/cluster": "job-test"
  }
}'`

export const createSelectingJobAgain = String.raw`curl -X POST '{{host}}/apis/v1/namespaces/default/jobs' \
--header 'Content-Type: application/json' \
--data '{
  "name": "job-test",
  "namespace": "default",
  "user": "kuberay",
  "version": "{{version}}",
  "entrypoint": "python /home/ray/samples/sample_code.py",
   "runtimeEnv": "pip:\n  - requests==2.26.0\n  - pendulum==2.1.2\nenv_vars:\n  counter_name: test_counter\n",
  "clusterSelector": {
    "ray.io/cluster": "job-test"
  },
  "jobSubmitter": {
    "image": "rayproject/ray:{{version}}-py310"
  }
}'`

export const listJobs = String.raw`curl --silent -X 'GET' \
'{{host}}/apis/v1/namespaces/ray-system/jobs' \
-H 'accept: application/json'`

export const listAllJobs = String.raw`curl --silent -X 'GET' \
'{{host}}/apis/v1/jobs' \
-H 'accept: application/json'`

export const getJob = String.raw`curl --silent -X 'GET' \
'{{host}}/apis/v1/namespaces/ray-system/jobs/rayjob-test' \
-H 'accept: application/json'`

export const deleteJob = String.raw`curl --silent -X 'DELETE' \
'{{host}}/apis/v1/namespaces/ray-system/jobs/rayjob-test' \
-H 'accept: application/json'`

export const createService = String.raw`curl -X 'POST' '{{host}}/apis/v1/namespaces/default/services' \
    -H 'accept: application/json' \
    -H 'Content-Type: application/json' \
    -d '
  {
    "name": "test-v2",
    "namespace": "default",
    "user": "user",
    "version": "{{version}}",
    "serveConfigV2": "applications:\n  - name: fruit_app\n    import_path: fruit.deployment_graph\n    route_prefix: /fruit\n    runtime_env:\n      working_dir: \"{{archive}}\"\n    deployments:\n      - name: MangoStand\n        num_replicas: 2\n        max_replicas_per_node: 1\n        user_config:\n          price: 3\n        ray_actor_options:\n          num_cpus: 0.1\n      - name: OrangeStand\n        num_replicas: 1\n        user_config:\n          price: 2\n        ray_actor_options:\n          num_cpus: 0.1\n      - name: PearStand\n        num_replicas: 1\n        user_config:\n          price: 1\n        ray_actor_options:\n          num_cpus: 0.1\n      - name: FruitMarket\n        num_replicas: 1\n        ray_actor_options:\n          num_cpus: 0.1\n  - name: math_app\n    import_path: conditional_dag.serve_dag\n    route_prefix: /calc\n    runtime_env:\n      working_dir: \"{{archive}}\"\n    deployments:\n      - name: Adder\n        num_replicas: 1\n        user_config:\n          increment: 3\n        ray_actor_options:\n          num_cpus: 0.1\n      - name: Multiplier\n        num_replicas: 1\n        user_config:\n          factor: 5\n        ray_actor_options:\n          num_cpus: 0.1\n      - name: Router\n        num_replicas: 1\n",
    "clusterSpec": {
      "headGroupSpec": {
        "computeTemplate": "default-template",
        "image": "rayproject/ray:{{version}}-py310",
        "serviceType": "NodePort",
        "rayStartParams": {
          "dashboard-host": "0.0.0.0",
          "metrics-export-port": "8080"
        },
        "volumes": []
      },
      "workerGroupSpec": [
        {
          "groupName": "small-wg",
          "computeTemplate": "default-template",
          "image": "rayproject/ray:{{version}}-py310",
          "replicas": 1,
          "minReplicas": 0,
          "maxReplicas": 5,
          "rayStartParams": {
            "node-ip-address": "$MY_POD_IP"
          }
        }
      ]
    }
  }'`

export const listServices = String.raw`curl --silent -X 'GET' \
'{{host}}/apis/v1/namespaces/default/services' \
-H 'accept: application/json'`

export const listAllServices = String.raw`curl --silent -X 'GET' \
'{{host}}/apis/v1/services' \
-H 'accept: application/json'`

export const getService = String.raw`curl --silent -X 'GET' \
  '{{host}}/apis/v1/namespaces/default/services/test-v2' \
  -H 'accept: application/json'`

export const deleteService = String.raw`curl --silent -X 'DELETE' \
'{{host}}/apis/v1/namespaces/default/services/test-v2' \
-H 'accept: application/json'`
