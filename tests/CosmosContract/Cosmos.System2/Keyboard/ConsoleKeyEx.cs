namespace Cosmos.System;

public enum ConsoleKeyEx
{
    Backspace = 31,
    Enter = 45,
    UpArrow = 91,
    DownArrow = 92,
    NumEnter = 111,
}
