"""Menu Mend/Crop: crops around a mask and their way back; pictures made larger."""
