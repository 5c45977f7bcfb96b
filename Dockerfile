# Build:  docker build -t rosearch .
# Run:    docker run --init -p 127.0.0.1:8501:8501 -v rosearch:/data rosearch
# A shared demo, unless told otherwise (-e ROSEARCH_MODE=team); docs/deploy.md tells of all three ways.
ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}

# What pygraphviz's wheel leaves to the system.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libglib2.0-0 libxext6 libxrender1 \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 1000 rosearch \
    && mkdir /data /opt/rosearch /opt/venv \
    && chown rosearch:rosearch /data /opt/rosearch /opt/venv
USER rosearch
WORKDIR /opt/rosearch
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 ROSEARCH_HOME=/data HF_HOME=/data/hub \
    ROSEARCH_MODE=demo

# The packages change seldom: a layer of their own, below the source's. PIP_EXTRA_INDEX_URL may name an index
# with torch's CPU build, which saves several GB.
ARG PIP_EXTRA_INDEX_URL
COPY --chown=rosearch:rosearch requirements.txt requirements-server.txt requirements.lock ./
RUN python3 -m venv /opt/venv && pip install --no-cache-dir -r requirements.txt -r requirements-server.txt -c requirements.lock

COPY --chown=rosearch:rosearch . .

VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=5m \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

# Resources go to the volume: fetched by the first start, found there by every later one.
CMD ["sh", "-c", "python -m rosearch_engine fetch; exec streamlit run app/main.py --server.address=0.0.0.0 --server.port=8501 --server.headless=true --browser.gatherUsageStats=false"]
