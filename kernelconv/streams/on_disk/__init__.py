"""What streams read and write: folders of images, files of rows, stores that are not finished yet."""
