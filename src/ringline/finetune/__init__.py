"""Fine-tuning: training files, jobs, adapters."""
