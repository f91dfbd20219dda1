#!/usr/bin/env bash
# Chooses settings for both methods with equal effort: four runs each on 2,000 training sentences, judged by accuracy on
# 1,000 other training sentences (--held-out). The published dev set is not looked at. Rule, fixed beforehand: the best
# accuracy wins; between equals, the larger ε, then the lower learning rate. Needs ALUMBENCH_MIRROR or the hub.
set -euo pipefail
runs=${RUNS:-runs/sst2-sweep}
common=(--task sst2 --model sentence-transformers/all-MiniLM-L6-v2 --train-size 2000 --held-out 1000 --epochs 2 --seed 1)
for lr in 5e-5 1e-4 2e-4 4e-4; do
  alumbench train "${common[@]}" --method standard --lr $lr --out "$runs/standard-lr$lr"
done
for lr in 1e-4 2e-4; do
  for epsilon in 0.05 0.1; do
    alumbench train "${common[@]}" --method alum --set alpha=1 --set epsilon=$epsilon --lr $lr \
      --out "$runs/alum-lr$lr-epsilon$epsilon"
  done
done
