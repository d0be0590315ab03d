namespace XSharp;

public static class XS
{
    public static void LiteralCode(string code) => throw null;
}
