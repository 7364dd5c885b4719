"""The commands of ``clsunbias``, a file each."""
