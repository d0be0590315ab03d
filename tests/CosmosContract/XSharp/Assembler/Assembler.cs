namespace XSharp.Assembler;

public class Assembler
{
    internal Assembler() => throw null;
}
