#!/bin/sh
# Makes this board from nothing, with the settings that choose.py wrote into sweep.json. If it is killed, rerun it to resume.
# run.sh train: only the checkpoints.
set -eu
board=$(dirname "$0")
RUNS=${RUNS:-runs/sst2-methods}
export OMP_NUM_THREADS=1

rows() { # one line a checkpoint: folder, row, then the options
    python - "$board/sweep.json" <<'PYTHON'
import json
import sys

sweep = json.load(open(sys.argv[1]))
runs = {run["run"]: run["method"] for rows in sweep["runs"].values() for run in rows}
titles = {"alum-fisher": "alum:fisher", "alum-vat": "alum:vat"}
for seed in 1, 2, 3:
    print(f"standard-{seed} standard --method standard --seed {seed}")
    for name, run in sorted(sweep["chosen"].items()):
        method = runs[run]
        wanted = ("alpha", "epsilon", "direction") if method["name"] == "alum" else ("alpha", "epsilon")
        options = " ".join(f"--set {k}={v}" for k, v in method["parameters"].items() if k in wanted)
        print(f"{name}-{seed} {titles.get(name, name)} --method {method['name']} --seed {seed} {options}")
PYTHON
}

rows | xargs -P 2 -L 1 sh -c 'name=$1; shift 2; alumbench train --task sst2 \
    --model sentence-transformers/all-MiniLM-L6-v2 --train-size 8000 --epochs 1 --lr 2e-4 --precision bf16 \
    --out "'"$RUNS"'/$name" "$@" | tail -n 2' train
[ "${1:-}" = train ] && exit

rows | xargs -P 2 -L 1 sh -c 'checkpoint="'"$RUNS"'/$1"
    alumbench attack "$checkpoint" --suite advglue | tail -n 2
    alumbench attack "$checkpoint" --suite embedding-pgd | tail -n 2
    alumbench attack "$checkpoint" --suite textattack-core --only clean --only deepwordbug | tail -n 2' attack
rows | xargs -L 1 sh -c 'alumbench leaderboard add "'"$board"'" "'"$RUNS"'/$1" --row "$2"' add
alumbench leaderboard build "$board"
