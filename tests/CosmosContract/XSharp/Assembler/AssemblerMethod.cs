namespace XSharp.Assembler;

public abstract class AssemblerMethod
{
    public abstract void AssembleNew(Assembler aAssembler, object aMethodInfo);
}
