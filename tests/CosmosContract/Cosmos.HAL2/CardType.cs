namespace Cosmos.HAL;

public enum CardType
{
    Ethernet,
}
