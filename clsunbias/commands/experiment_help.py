"""What ``clsunbias fit --help`` and those of the other experiment commands show: a screen, at once.

The parser's own help, with every option of the trainer, is a thousand lines, and takes as long to make as a short run.
"""

import sys

PURPOSES = {
    "fit": "train, select a checkpoint on validation, test it once, write result.json",
    "validate": "validation figures of a checkpoint",
    "test": "figures of a checkpoint on every split",
    "predict": "class probabilities and decisions of new inputs",
}

OF_FIT = """
what a run is
  --config FILE              a complete config, then overlays; or NAME of one that `clsunbias configs` lists
  --seed_everything N        seed of initialisation and order; the config's by default
  --out DIR                  where results go; runs/NAME/OBJECTIVE/SEED by default
  --data.root DIR            where data lie; $CLSUNBIAS_DATA, else data/, by default
  --data CLASS               data set, such as clsunbias.data.Tabular; its options are --data.OPTION (--data.path,
                             --data.label, --data.batch_size, --data.sampler, --data.resample ...)
  --model.network CLASS      network, such as torch.nn.Linear; its arguments are --model.network.ARGUMENT
  --model.objective CLASS    what training minimises, such as clsunbias.objectives.GroupDRO
  --model.optimizer CLASS    optimiser; its learning rate is --model.optimizer.lr
  --model.lr_schedule CLASS  factor on the learning rate; null keeps it constant
  --anneal.lam, --anneal.tau schedules of the objective's numbers; null leaves them as they are
  --selection CLASS          which checkpoint counts, such as clsunbias.selection.Best
  --trainer.max_epochs N     how long (or --trainer.max_steps); --trainer.accelerator, --trainer.devices and
                             --trainer.precision say on what; --trainer.fast_dev_run true tries a step

how it starts and what it keeps
  --init_from RUN            start from the selected weights of a finished run, or of a checkpoint
  --fresh PART               parts of the network that --init_from leaves alone
  --freeze PART              parts of the network to leave as they start
  --ckpt_path FILE           go on from a checkpoint with the whole state of a training
  --withhold_test true       leave the test splits unscored, as a search must
  --save_every SECONDS       between checkpoints that an interrupted run goes on from; 30 by default
  --also '{RUN: RULE}'       further selection rules, and the folder that each leaves its run of this training in
  --save_features true       keep what the backbone makes of each unit, which some decision rules need
  --wandb true               show the run on W&B, too
"""

OF_A_CHECKPOINT = """
  --config FILE              config.yaml of a finished run, whose selected checkpoint is taken
  --ckpt_path FILE           another checkpoint of the same model
  --data.root DIR            where data lie; $CLSUNBIAS_DATA, else data/, by default
"""

OF_NEW_INPUTS = """  --input PATH               images, recordings or a table
  --out DIR                  where predictions.csv goes
  --resize true              take images of other sizes, scaled to the model's
  --threshold P              of the positive of two classes; 0.5 by default
  --rule NAME                decide by a rule that `clsunbias decide` has chosen
"""

MORE = """
more
  clsunbias {command} --help all
      every option, those of the trainer among them
  clsunbias {command} --data.help=clsunbias.data.Tabular
      the options of a class; so, too, --model.network.help=CLASS, --model.objective.help=CLASS ...
  clsunbias {command} --config NAME --print_config
      the whole config that would be used
"""


def show(args: list[str]) -> None:
    """Prints the help of an experiment command, the one of args."""
    (command,) = args
    options = OF_FIT if command == "fit" else OF_A_CHECKPOINT + (OF_NEW_INPUTS if command == "predict" else "")
    usage = f"usage: clsunbias {command} --config FILE|NAME [--config FILE|NAME ...] [--SECTION.OPTION VALUE ...]"
    sys.stdout.write(f"{usage}\n\n{PURPOSES[command]}\n{options}{MORE.format(command=command)}")
