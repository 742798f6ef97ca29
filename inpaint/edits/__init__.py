"""What was edited in a picture, and the original with nothing but that.

mapping      where each pixel of the original lies in the edited picture
features     first guesses of the map, from features that survive light, scale and rotation
agreement    how much of two pictures shows the same structure, whatever their light
fit          a map fitted to pairs of places: the simplest kind that explains them
repeats      whether a picture repeats itself, so that a wrong map may look right
reduce       smaller copies, for what need not be measured on every pixel
align        the map between a picture and its edited version
video        the maps of a video's frames, smoothed over time
warp         the edited picture on the original's pixels
light        gain, gamma, tint and a smooth field, from one picture's light to another's
softness     two pictures made equally soft
noise        how far two pictures differ where nothing was edited
find         where they differ by more than that
edits        all of these for one pair of pictures
keep         the original with nothing but the edit
registration a repainted crop laid on its original
arrays       pictures as OpenCV reads them
"""

from .keep import MASK_USES, Kept, Settings, keep_unedited
from .registration import laid_on_original

__all__ = ["MASK_USES", "Kept", "Settings", "keep_unedited", "laid_on_original"]
