namespace Cosmos.System.FileSystem.Listing;

public enum DirectoryEntryTypeEnum
{
    Directory = 0,
}
