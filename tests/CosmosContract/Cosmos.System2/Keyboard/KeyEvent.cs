namespace Cosmos.System;

public class KeyEvent
{
    internal KeyEvent() => throw null;

    public char KeyChar => throw null;

    public ConsoleKeyEx Key => throw null;
}
