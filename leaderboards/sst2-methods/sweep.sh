#!/bin/sh
# Chooses (alpha, epsilon) for each method: four runs each on 1,500 SST-2 sentences, judged on 1,000 held-out training
# sentences. Nothing of the published dev set is looked at. Two processes of one thread each; if it is killed, rerun it to resume.
set -eu
RUNS=${RUNS:-runs/sst2-methods/sweep}
export OMP_NUM_THREADS=1

grid() { # one line a run: name, then the options
    for alpha in 1 4; do
        for epsilon in 0.05 0.15; do
            both="--set alpha=$alpha --set epsilon=$epsilon"
            echo "alum-fisher-$alpha-$epsilon --method alum $both"
            echo "alum-vat-$alpha-$epsilon --method alum --set direction=vat $both"
            echo "alum-ref-$alpha-$epsilon --method alum-ref $both"
            echo "noise-$alpha-$epsilon --method noise $both"
            echo "fgm-$alpha-$epsilon --method fgm $both"
        done
    done
    # R-Drop has no epsilon and FreeLB no alpha: four values of what they have
    for alpha in 0.5 1 2 4; do echo "rdrop-$alpha --method rdrop --set alpha=$alpha"; done
    for epsilon in 0.025 0.05 0.1 0.15; do echo "freelb-$epsilon --method freelb --set epsilon=$epsilon"; done
}

grid | xargs -P 2 -L 1 sh -c 'name=$1; shift; alumbench train --task sst2 \
    --model sentence-transformers/all-MiniLM-L6-v2 --train-size 1500 --held-out 1000 --epochs 2 --lr 2e-4 \
    --precision bf16 --seed 1 --out "'"$RUNS"'/$name" "$@" | tail -n 2' sweep
