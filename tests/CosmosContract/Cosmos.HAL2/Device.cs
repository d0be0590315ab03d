namespace Cosmos.HAL;

public abstract class Device
{
}
