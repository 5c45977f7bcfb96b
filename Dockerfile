# One image: the app, the command line, a head or a worker of a Ray cluster (docker/start.sh). docs/deploy.md tells more.
#   docker build -t rosearch .                               for CPUs
#   docker build -t rosearch:cuda --build-arg TORCH=cuda .   for NVIDIA GPUs, several GB more
ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}

# What pygraphviz's wheel leaves to the system.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libglib2.0-0 libxext6 libxrender1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 rosearch \
    && install -d -o rosearch -g rosearch /data \
    && python3 -m venv /opt/venv
WORKDIR /opt/rosearch
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    ROSEARCH_HOME=/data HF_HOME=/data/hub ROSEARCH_MODE=demo

# The packages change seldom: layers of their own, below the source's, and torch, the largest, below the others.
# On Linux the default package index has torch for CUDA, PyTorch's own one for CPUs.
ARG TORCH=cpu
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.lock ./
RUN case "$TORCH" in \
        cpu) pip install torch -c requirements.lock --no-deps --index-url "$TORCH_CPU_INDEX" ;; \
        cuda) pip install torch -c requirements.lock ;; \
        *) echo "TORCH is cpu or cuda, not '$TORCH'." >&2; exit 1 ;; \
    esac

# Each extra is the name of a requirements file.
ARG EXTRAS="server ray"
COPY requirements.txt requirements-server.txt requirements-ray.txt ./
RUN set --; for extra in $EXTRAS; do set -- "$@" -r "requirements-$extra.txt"; done; \
    pip install -r requirements.txt "$@" -c requirements.lock

# Whoever gets in by the app can change neither it nor the packages: they are root's, and it runs as somebody else.
COPY . .
RUN python -m compileall -q app pages rosearch_engine
USER rosearch

VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=5m \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

ENTRYPOINT ["/opt/rosearch/docker/start.sh"]
CMD ["app"]
