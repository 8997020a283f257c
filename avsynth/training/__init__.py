"""What every recipe trains with: packs, seeds, averages, logs, checkpoints."""
