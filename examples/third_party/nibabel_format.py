"""nibabel: one array as a volume of the format NIfTI."""

import nibabel
import numpy

from pytest_ckpt import Format


def save(array, path):
    nibabel.save(nibabel.Nifti1Image(array, numpy.eye(4), dtype=array.dtype), path)


def load(path):
    return numpy.asarray(nibabel.load(path).dataobj)


fmt = Format(name="nibabel", backend="numpy", save=save, load=load, accepts="tensor", suffix=".nii")
