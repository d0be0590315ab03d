namespace Cosmos.HAL.BlockDevice;

public enum BlockDeviceType
{
    HardDrive,
}
