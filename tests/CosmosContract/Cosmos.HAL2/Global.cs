namespace Cosmos.HAL;

public static class Global
{
    public static PIT PIT;
}
