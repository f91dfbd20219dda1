# alumbench on a CPU:
#   docker build --tag alumbench .
#   docker run --rm --volume "$PWD:/data" alumbench attack runs/my-model --data my.csv
FROM python:3.12-slim

RUN pip install --no-cache-dir torch --index-url https://download.pytorch.org/whl/cpu

WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY alumbench alumbench
COPY suites suites
RUN pip install --no-cache-dir . \
    && python -m nltk.downloader -d /usr/local/share/nltk_data stopwords wordnet \
        averaged_perceptron_tagger_eng universal_tagset

# Results belong to the folder that is mounted here, and models are kept there for the next run.
ENV HF_HOME=/data/.cache/huggingface
WORKDIR /data
ENTRYPOINT ["alumbench"]
