"""What makes sound: the engines that run in workers, and the speakers that ask them."""
