namespace Cosmos.System.FileSystem;

public class ManagedPartition
{
    public string RootPath;

    internal ManagedPartition() => throw null;

    public bool HasFileSystem => throw null;
}
