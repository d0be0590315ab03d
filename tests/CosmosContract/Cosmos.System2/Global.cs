namespace Cosmos.System;

public static class Global
{
    public static Console Console;
}
