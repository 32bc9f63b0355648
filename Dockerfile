# docker build -t provcheck .
# docker run --rm -v "$PWD:/work" provcheck audit ./model
# For a GPU: docker build --build-arg BASE=nvidia/cuda:12.8.1-runtime-ubuntu24.04 --build-arg TORCH_INDEX=https://pypi.org/simple .
ARG BASE=python:3.12-slim
FROM ${BASE}
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

# Debian's and Ubuntu's python3 serves bases that bring none of their own; bubblewrap keeps models from the network.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 10001 auditor && mkdir /work && chown auditor /work
COPY . /src
RUN python3 -m venv /opt/provcheck \
    && /opt/provcheck/bin/pip install --no-cache-dir --index-url "${TORCH_INDEX}" torch==2.13.0 \
    && /opt/provcheck/bin/pip install --no-cache-dir --constraint /src/constraints.txt "/src[formats,sign]" \
    && rm -rf /src

USER 10001
WORKDIR /work
ENTRYPOINT ["/opt/provcheck/bin/provcheck"]
