namespace Cosmos.System;

public static class KeyboardManager
{
    public static bool TryReadKey(out KeyEvent key) => throw null;
}
